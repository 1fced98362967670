import { parseArgs, type ParseArgsConfig } from 'node:util';

/** Reads a command's words; on a mistake it says so on stderr and returns undefined, and the command ends with 2. */
export function readOptions<const T extends NonNullable<ParseArgsConfig['options']>>(command: string, argv: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: false, strict: true }).values;
  } catch (error) {
    console.error(
      `exeat ${command}: ${error instanceof Error ? firstSentence(error.message) : String(error)}. See "exeat ${command} --help".`,
    );
    return undefined;
  }
}

/** Node adds advice about `--` that does not hold here. */
function firstSentence(message: string): string {
  return message.split('. ')[0]?.replace(/\.$/, '') ?? message;
}
