import { tool } from '../../support/tools.ts';
import { programArguments, programFile, type Client } from '../client.ts';

const httpClient: Client = {
  ...java('Java HttpClient', 'ModernClient.java'),
  http2: true,
  limits: ['with an Authenticator it drops an Authorization of its caller', 'shows nothing of a 407'],
  proxyRefused: /No credentials provided/,
  tunnelRefused: /No credentials provided/,
};
/** Without buffering it could not send a body again after a 407, so it is asked to buffer, and sends a length. */
const httpUrlConnection: Client = {
  ...java('Java HttpURLConnection', 'ClassicClient.java'),
  limits: ['unless its caller has an upload buffered, a 407 ends it'],
  lacks: ['chunked'],
};

function java(name: string, source: string): Client {
  return {
    name,
    took: 'nothing',
    // Java reads no http_proxy, and a password from no option.
    tookByUrl:
      'setting: `-Dhttps.proxyHost=…` and `-Djdk.http.auth.tunneling.disabledSchemes=` in `JAVA_TOOL_OPTIONS`, an `Authenticator` for the password',
    // Java reads no http_proxy; options for every JVM come in this variable.
    environment: ({ hostname, port }, trust) => {
      const proxies = ['http', 'https'].flatMap((scheme) => [`-D${scheme}.proxyHost=${hostname}`, `-D${scheme}.proxyPort=${port}`]);
      // Unless told otherwise, Java sends no password to a proxy that it asks for a tunnel.
      return { JAVA_TOOL_OPTIONS: [trust['JAVA_TOOL_OPTIONS'], ...proxies, '-Djdk.http.auth.tunneling.disabledSchemes='].join(' ') };
    },
    prepare: async () => {
      const program = await tool('java', 'default-jdk-headless');
      await tool('javac', 'default-jdk-headless');
      return (ask) => ({ program, argv: ['-XX:TieredStopAtLevel=1', programFile(source), ...programArguments(ask)] });
    },
  };
}

export const clients = [httpClient, httpUrlConnection];
