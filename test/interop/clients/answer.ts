/** What a client was told. */
export interface Answer {
  /** As its status line begins, e.g. `HTTP/2`. */
  readonly version: string;
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Reads the first answer that a client printed; interim ones (100 Continue) are passed over. */
export function readAnswer(printed: string): Answer {
  const head = /^(HTTP\/\S+) ([2-5]\d\d)[^\n]*\n((?:[^\r\n]+\r?\n)*)\r?\n/m.exec(printed);
  if (head === null) throw new Error(`the client printed no answer: ${printed.slice(0, 2000)}`);
  const [whole, version = '', status, fields = ''] = head;
  return {
    version,
    status: Number(status),
    contentType: /^content-type: *([^\r\n;]*)/im.exec(fields)?.[1] ?? '',
    body: printed.slice(head.index + whole.length),
  };
}

/** The statuses of all answers, in order. */
export function readStatuses(printed: string): number[] {
  return [...printed.matchAll(/^HTTP\/\S+ ([2-5]\d\d)/gm)].map(([, status]) => Number(status));
}
