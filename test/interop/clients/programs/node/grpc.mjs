// HOST METHOD KIND,... TOKEN: a method of interop.v1.Tickets, called once in each way. Messages are texts.
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';

const [, , host, method, kinds, token] = process.argv;

const channel = new Client(`${host}:443`, credentials.createSsl());
const metadata = new Metadata();
metadata.set('authorization', `Bearer ${token}`);
const path = `/interop.v1.Tickets/${method}`;
const encode = (text) => Buffer.from(text);
const call = {
  unary_unary: (options) => answerOf((answered) => channel.makeUnaryRequest(path, encode, String, 'first', metadata, options, answered)),
  stream_unary: (options) =>
    answerOf((answered) => channel.makeClientStreamRequest(path, encode, String, metadata, options, answered).end('first')),
  unary_stream: (options) => channel.makeServerStreamRequest(path, encode, String, 'first', metadata, options),
  stream_stream(options) {
    const stream = channel.makeBidiStreamRequest(path, encode, String, metadata, options);
    // The second message goes when the first one was answered.
    stream.once('data', () => stream.end('second'));
    stream.write('first');
    return stream;
  },
};

try {
  for (const kind of kinds.split(',')) {
    for await (const text of call[kind]({ deadline: Date.now() + 30_000 })) console.log(`${kind}: ${text}`);
  }
} catch ({ code, details }) {
  console.log(`${status[code]}: ${details}`);
  process.exitCode = 1;
}
channel.close();

async function* answerOf(begin) {
  const { promise, resolve, reject } = Promise.withResolvers();
  begin((error, text) => (error ? reject(error) : resolve(text)));
  yield await promise;
}
