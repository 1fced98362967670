import { readPlainFile } from '../plain-file.ts';

const largestPemBytes = 4 * 1024 ** 2;

/** A file of certificates. What is wrong with it is reported, and then it is empty. */
export function readPem(path: string, report: (message: string) => void): string {
  try {
    const pem = readPlainFile(path, largestPemBytes).toString();
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) report(`there is no PEM certificate in ${path}`);
    return pem;
  } catch (error) {
    report(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return '';
  }
}
