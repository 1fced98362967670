import { parseArgs } from 'node:util';
import { controlHelp, controlOptions, createControlClient } from './control-client.ts';

export const summary = 'say how a call would be decided, and which policies decide';

export const help = `Usage: exeat explain --task ID METHOD URL

Asks a running sidecar for a dry run: nothing is sent, issued or counted. GET with a ws:// or wss:// URL is a WebSocket handshake.

  --task ID           the task in which the call would be made
  --data TEXT         the body, for destinations whose messages are read (mcp, llm, a2a)
  --header NAME:VALUE a header that the message needs; may be repeated
${controlHelp}

Example: exeat explain --task task_… GET https://api.github.com/repos/acme/app/issues`;

interface Explained {
  readonly operation?: string;
  readonly decision: string;
  readonly reason?: string;
  readonly policies?: readonly { readonly id: string; readonly file?: string; readonly line?: number }[];
  /** What policies that are only tried out would decide, where that is something else. */
  readonly trial?: { readonly decision: string; readonly policies: readonly string[] };
  readonly errors?: readonly string[];
  readonly would_issue?: string | null;
}

export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { ...controlOptions, task: { type: 'string' }, data: { type: 'string' }, header: { type: 'string', multiple: true } },
  });
  const [method, url, ...more] = positionals;
  if (values.task === undefined || method === undefined || url === undefined || more.length > 0) {
    console.error('exeat explain: needs --task ID, a method and a URL. See "exeat explain --help".');
    return 2;
  }
  const client = createControlClient({ control: values.control, tokenFile: values['token-file'], role: 'operator' });
  const headers = values.header && Object.fromEntries(values.header.map(headerOf));
  const question = { task: values.task, method: method.toUpperCase(), url, body: values.data, headers };
  const answer = (await client.call('POST', '/v1/explain', question)) as Explained;
  if (values.json) console.log(JSON.stringify(answer));
  else for (const line of linesFor(answer)) console.log(line);
  return 0;
}

function headerOf(text: string): [name: string, value: string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw new Error(`--header "${text}": expected NAME: VALUE`);
  return [text.slice(0, colon), text.slice(colon + 1).trim()];
}

function linesFor({ operation, decision, reason, policies = [], trial, errors = [], would_issue: issued }: Explained): string[] {
  return [
    `${decision}${reason === undefined ? '' : ` (${reason})`}${operation === undefined ? '' : `: ${operation}`}`,
    ...policies.map(({ id, file, line }) => `  by "${id}"${file === undefined ? '' : ` at ${file}:${line}`}`),
    ...(policies.length === 0 && decision !== 'allow' ? ['  no policy permits it'] : []),
    ...(trial === undefined
      ? []
      : [`  with what is tried out: ${trial.decision}, by ${trial.policies.map((id) => `"${id}"`).join(', ') || 'no policy'}`]),
    ...errors.map((error) => `  error: ${error}`),
    ...(decision === 'allow' ? [`  credential: ${issued ?? 'none'}`] : []),
  ];
}
