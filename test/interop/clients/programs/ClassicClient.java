import java.io.InputStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.PasswordAuthentication;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;

/** java.net.HttpURLConnection, which buffers what it sends: METHOD URL [--header 'Name: value']... [--file FILE] [--times N] */
class ClassicClient {
  public static void main(String[] argv) throws Exception {
    if (System.getenv().getOrDefault("http_proxy", "").contains("@")) Authenticator.setDefault(new FromEnvironment());
    var headers = new ArrayList<String[]>();
    String file = null;
    int times = 1;
    for (int i = 2; i < argv.length; i++) {
      switch (argv[i]) {
        case "--header" -> headers.add(argv[++i].split(": ", 2));
        case "--file" -> file = argv[++i];
        case "--times" -> times = Integer.parseInt(argv[++i]);
      }
    }
    for (; times > 0; times--) {
      var connection = (HttpURLConnection) URI.create(argv[1]).toURL().openConnection();
      connection.setRequestMethod(argv[0]);
      for (String[] field : headers) connection.setRequestProperty(field[0], field[1]);
      if (file != null) {
        connection.setDoOutput(true);
        try (var out = connection.getOutputStream()) {
          Files.copy(Path.of(file), out);
        }
      }
      int status = connection.getResponseCode();
      System.out.printf("HTTP/1.1 %d\r\ncontent-type: %s\r\n\r\n", status, connection.getContentType());
      try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
        byte[] buffer = new byte[65536];
        for (int count; (count = in.read(buffer)) != -1; ) {
          System.out.write(buffer, 0, count);
          System.out.flush();
        }
      }
    }
  }

  /** Java takes the proxy's address from system properties, its credentials only from an Authenticator. Asked twice, it gives up. */
  private static class FromEnvironment extends Authenticator {
    private boolean asked = false;

    @Override
    protected PasswordAuthentication getPasswordAuthentication() {
      String proxy = System.getenv("http_proxy");
      if (asked || getRequestorType() != RequestorType.PROXY) return null;
      asked = true;
      String[] user = URI.create(proxy).getUserInfo().split(":", 2);
      return new PasswordAuthentication(user[0], user[1].toCharArray());
    }
  }
}
