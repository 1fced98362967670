import { styleText } from 'node:util';

/** Tells the demo and keeps count of what differed from it. */
export interface Story {
  title(text: string): void;
  step(text: string): void;
  tell(text: string): void;
  /** Every member of `expected` must be equal in `seen`. */
  expect(what: string, seen: Readonly<Record<string, unknown>>, expected: Readonly<Record<string, unknown>>): void;
  audit(event: Readonly<Record<string, unknown>>): void;
  differs(text: string): void;
  /** Prints the last line; the exit code. */
  finish(): number;
}

type Style = Parameters<typeof styleText>[0];

const told = ['task', 'destination', 'operation', 'decision', 'lease', 'status', 'code', 'proof', 'change'];

export function createStory(): Story {
  let steps = 0;
  let differences = 0;
  const differs = (text: string) => {
    differences += 1;
    console.log(paint('red', `   ✗ ${text}`));
  };
  return {
    title: (text) => console.log(`\n${paint('bold', text)}`),
    step(text) {
      steps += 1;
      console.log(`\n${paint('cyan', `${steps}.`)} ${text}`);
    },
    tell: (text) => console.log(paint('gray', `   ${text}`)),
    expect(what, seen, expected) {
      const right = Object.entries(expected).every(([name, value]) => seen[name] === value);
      if (right) console.log(`   ${paint('green', '✓')} ${what}: ${describe(expected)}`);
      else differs(`${what}: expected ${describe(expected)}, saw ${JSON.stringify(seen)}`);
    },
    audit(event) {
      const rest = told.flatMap((name) => (event[name] === undefined ? [] : [`${name}=${short(event[name] as string | number)}`]));
      console.log(paint('gray', `   ${String(event['seq']).padStart(3)} ${String(event['kind']).padEnd(18)} ${rest.join(' ')}`));
    },
    differs,
    finish() {
      console.log(differences === 0 ? `\n${paint('green', 'demo: ok')}` : `\n${paint('red', `demo: ${differences} thing(s) differed`)}`);
      return differences === 0 ? 0 : 1;
    },
  };
}

const paint = (style: Style, text: string): string => (process.stdout.isTTY ? styleText(style, text) : text);

function describe(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');
}

function short(value: string | number): string {
  const text = String(value);
  return /^(task|lease|call)_/.test(text) ? `${text.slice(0, 13)}…` : text;
}
