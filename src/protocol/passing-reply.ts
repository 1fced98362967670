import type { Reply } from '../call.ts';
import type { ErrorCode } from '../errors.ts';

/** A reply that hands everything on; readers of answers change what they have to. */
export class PassingReply implements Reply {
  protected readonly to: Reply;

  constructor(to: Reply) {
    this.to = to;
  }

  get started(): boolean {
    return this.to.started;
  }

  get gone(): boolean {
    return this.to.gone;
  }

  proceed(): void {
    this.to.proceed();
  }

  start(status: number, headers: string[], reason?: string): void {
    this.to.start(status, headers, reason);
  }

  flush(): void {
    this.to.flush();
  }

  write(chunk: Uint8Array): boolean {
    return this.to.write(chunk);
  }

  end(chunk?: Uint8Array, trailers?: readonly [string, string][]): void {
    this.to.end(chunk, trailers);
  }

  breakOff(code?: ErrorCode): void {
    this.to.breakOff(code);
  }

  onDrain(listener: () => void): void {
    this.to.onDrain(listener);
  }

  onClose(listener: (complete: boolean) => void): void {
    this.to.onClose(listener);
  }
}

/** What an answer's head says of its body. */
export interface BodyForm {
  /** In lower case, without parameters; '' where there is none, or more than one. */
  readonly mediaType: string;
  /** In a content coding, which it was not asked for. */
  readonly coded: boolean;
}

/** `headers`: flat, names in lower case. */
export function bodyForm(headers: readonly string[]): BodyForm {
  const types: string[] = [];
  let coded = false;
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1]?.trim().toLowerCase() ?? '';
    if (headers[i] === 'content-type') types.push(value.split(';', 1)[0]?.trimEnd() ?? '');
    else if (headers[i] === 'content-encoding' && value !== '' && value !== 'identity') coded = true;
  }
  const [mediaType = ''] = types;
  return { mediaType: types.length === 1 ? mediaType : '', coded };
}
