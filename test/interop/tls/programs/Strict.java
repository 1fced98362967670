// Java's default trust manager, with the check of HTTPS for names: HOST PORT.
import java.net.Socket;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

class Strict {
    public static void main(String[] argv) throws Exception {
        var factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        var plain = new Socket("127.0.0.1", Integer.parseInt(argv[1]));
        try (var socket = (SSLSocket) factory.createSocket(plain, argv[0], plain.getPort(), true)) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            socket.getInputStream().readAllBytes();
            System.out.println(socket.getSession().getProtocol() + " accepted");
        }
    }
}
