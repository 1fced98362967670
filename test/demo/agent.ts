// The agent of the demo: an ordinary program with an ordinary fetch. It knows nothing of Exeat and holds no credential; only https_proxy and the
// CA to trust are set.
const [what = 'read', base = ''] = process.argv.slice(2);

const calls: Readonly<Record<string, () => Promise<Response>>> = {
  read: () => fetch(`${base}/items`),
  write: () => fetch(`${base}/items`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"third"}' }),
  stream: () => fetch(`${base}/events`),
};

const response = await calls[what]?.();
if (response === undefined) throw new Error(`no such call: ${what}`);
process.send?.({ status: response.status });
let text = '';
try {
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    process.send?.({ chunk: Buffer.from(chunk).toString() });
  }
  process.send?.({ end: 'complete', text });
} catch (error) {
  process.send?.({ end: 'broken', text, error: error instanceof Error ? error.message : String(error) });
}
process.disconnect?.();
