import java.io.InputStream;
import java.net.Authenticator;
import java.net.PasswordAuthentication;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Version;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** java.net.http.HttpClient: METHOD URL [--header 'Name: value']... [--file FILE] [--chunked] [--times N] */
class ModernClient {
  public static void main(String[] argv) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(argv[1]));
    String file = null;
    boolean chunked = false;
    int times = 1;
    for (int i = 2; i < argv.length; i++) {
      switch (argv[i]) {
        case "--header" -> {
          String[] field = argv[++i].split(": ", 2);
          request.header(field[0], field[1]);
        }
        case "--file" -> file = argv[++i];
        case "--chunked" -> chunked = true;
        case "--times" -> times = Integer.parseInt(argv[++i]);
      }
    }
    request.method(argv[0], body(file, chunked));
    var builder = HttpClient.newBuilder();
    // With an Authenticator, even one for proxies alone, Java drops the caller's own Authorization.
    if (System.getenv().getOrDefault("http_proxy", "").contains("@")) builder.authenticator(new FromEnvironment());
    var client = builder.build();
    var versions = Map.of(Version.HTTP_1_1, "HTTP/1.1", Version.HTTP_2, "HTTP/2");
    for (; times > 0; times--) {
      var response = client.send(request.build(), BodyHandlers.ofInputStream());
      String type = response.headers().firstValue("content-type").orElse("");
      System.out.printf("%s %d\r\ncontent-type: %s\r\n\r\n", versions.get(response.version()), response.statusCode(), type);
      try (InputStream in = response.body()) {
        byte[] buffer = new byte[65536];
        for (int count; (count = in.read(buffer)) != -1; ) {
          System.out.write(buffer, 0, count);
          System.out.flush();
        }
      }
    }
  }

  private static BodyPublisher body(String file, boolean chunked) throws Exception {
    if (file == null) return BodyPublishers.noBody();
    Path path = Path.of(file);
    if (!chunked) return BodyPublishers.ofFile(path);
    return BodyPublishers.ofInputStream(
        () -> {
          try {
            return Files.newInputStream(path);
          } catch (Exception e) {
            throw new RuntimeException(e);
          }
        });
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
