import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './broker.ts';
import { createRoot } from './certificates.ts';
import { startTestSidecar, type TestConfig, type TestSidecar } from './sidecar.ts';
import { secret, trustOf } from './tunnel.ts';

type Text = string;

const method = (name: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Text, Text> => ({
  path: `/test.v1.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: (text) => Buffer.from(text),
  requestDeserialize: (bytes) => bytes.toString(),
  responseSerialize: (text) => Buffer.from(text),
  responseDeserialize: (bytes) => bytes.toString(),
});

/** The methods of `test.v1.Echo`; messages are text. */
export const methods = {
  Say: method('Say', false, false),
  Count: method('Count', false, true),
  Collect: method('Collect', true, false),
  Chat: method('Chat', true, true),
};

/** What a real server saw of its calls. */
export interface GrpcSeen {
  readonly metadata: Metadata[];
  /** Who called: one entry a call. */
  readonly peers: string[];
  cancelled: number;
  /** Messages of all calls that were read. */
  read: number;
}

/** A real server behind a sidecar, and what a client needs to reach it through that. */
export interface GrpcWorld extends AsyncDisposable {
  readonly exeat: TestSidecar;
  readonly seen: GrpcSeen;
  /** Where the server is, as `host:port`. */
  readonly host: string;
  /** A real client, as the environment would make one: through the proxy, with this task. */
  client(task: { readonly proxyUrl: string }): Client;
  /** Ends the server. */
  stop(): void;
}

export interface GrpcWorldOptions {
  /** Of the destination `grpc`. */
  readonly destination?: object;
  readonly config?: Partial<TestConfig>;
  /** No TLS anywhere. */
  readonly cleartext?: boolean;
}

export async function startGrpcWorld({ destination, config, cleartext = false }: GrpcWorldOptions = {}): Promise<GrpcWorld> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const root = await createRoot();
  const [ca, file] = [join(folder, 'root.pem'), join(folder, 'secret')];
  writeFileSync(ca, root.pem);
  writeFileSync(file, secret);
  const seen: GrpcSeen = { metadata: [], peers: [], cancelled: 0, read: 0 };
  const server = new Server();
  server.addService(methods, implementation(seen));
  const { cert, key } = await root.issue(['grpc.example']);
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) };
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      '127.0.0.1:0',
      cleartext ? ServerCredentials.createInsecure() : ServerCredentials.createSsl(null, [pair]),
      (error, bound) => (error ? reject(error) : resolve(bound)),
    ),
  );
  stack.defer(() => server.forceShutdown());
  const credential = { kind: 'static', header: 'x-token', value: { file }, expires: '2999-01-01', reason: 'test' };
  const where = cleartext ? { hosts: ['http://grpc.example:50051'], unsafe_cleartext: true } : { hosts: ['grpc.example'], ca };
  const grpc = { ...where, protocol: 'grpc', connect_to: `127.0.0.1:${port}`, allow_private: true, credential, ...destination };
  const exeat = stack.use(await startTestSidecar({ ...config, folder, destinations: { grpc, ...config?.destinations } }));
  return {
    exeat,
    seen,
    host: `127.0.0.1:${port}`,
    client({ proxyUrl }) {
      process.env['grpc_proxy'] = proxyUrl;
      const options = { 'grpc.use_local_subchannel_pool': 1 };
      const client = cleartext
        ? new Client('grpc.example:50051', credentials.createInsecure(), options)
        : new Client('grpc.example:443', credentials.createSsl(Buffer.from(trustOf(exeat))), options);
      delete process.env['grpc_proxy'];
      stack.defer(() => client.close());
      return client;
    },
    stop: () => server.forceShutdown(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function implementation(seen: GrpcSeen) {
  const trailer = new Metadata();
  trailer.set('x-trailer', 'kept');
  const note = (call: { metadata: Metadata; getPeer(): string; on(event: 'cancelled', listener: () => void): unknown }) => {
    seen.metadata.push(call.metadata);
    seen.peers.push(call.getPeer());
    call.on('cancelled', () => (seen.cancelled += 1));
  };
  return {
    Say(call: ServerUnaryCall<Text, Text>, done: sendUnaryData<Text>) {
      note(call);
      if (call.request === 'hang') return;
      if (call.request === 'fail') done({ code: status.NOT_FOUND, details: 'no such thing', metadata: trailer });
      else if (call.request === 'reject') done({ code: status.UNAUTHENTICATED, details: 'log in', metadata: trailer });
      else done(null, call.request, trailer);
    },
    Count(call: ServerWritableStream<Text, Text>) {
      note(call);
      for (let i = 1; i <= Number(call.request); i += 1) call.write(String(i));
      call.end(trailer);
    },
    Collect(call: ServerReadableStream<Text, Text>, done: sendUnaryData<Text>) {
      note(call);
      let total = 0;
      call.on('data', (text: Text) => {
        seen.read += 1;
        total += text.length;
        if (text === 'stop reading') call.pause();
      });
      call.on('end', () => done(null, String(total)));
    },
    Chat(call: ServerDuplexStream<Text, Text>) {
      note(call);
      call.on('data', (text: Text) => {
        if (text === 'reject') call.emit('error', { code: status.UNAUTHENTICATED, details: 'log in', metadata: trailer });
        else call.write(text.toUpperCase());
      });
      call.on('end', () => call.end(trailer));
    },
  };
}

/** One unary call to its end. */
export function say(client: Client, text: string, deadlineMs?: number): Promise<{ text: string; trailers: Metadata }> {
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = methods.Say;
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    let trailers = new Metadata();
    client
      .makeUnaryRequest(path, requestSerialize, responseDeserialize, text, new Metadata(), options, (error, value) => {
        if (error === null) setImmediate(() => resolve({ text: value ?? '', trailers }));
        else reject(error);
      })
      .on('status', (final: StatusObject) => (trailers = final.metadata));
  });
}

/** How a call failed. */
export async function failure(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: ServiceError) => error,
  );
}
