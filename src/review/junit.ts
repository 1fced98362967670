import type { FixtureResult } from './fixtures.ts';

/** The results as JUnit's XML, which CI servers show test by test. */
export function junitOf(results: readonly FixtureResult[]): string {
  const failures = results.filter(({ ok }) => !ok).length;
  const cases = results.map(({ file, name, problem }) => {
    const head = `  <testcase classname="${escaped(file)}" name="${escaped(name)}"`;
    return problem === undefined ? `${head}/>` : `${head}><failure message="${escaped(problem)}"/></testcase>`;
  });
  const suite = `<testsuite name="exeat policy test" tests="${results.length}" failures="${failures}">`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', suite, ...cases, '</testsuite>', ''].join('\n');
}

/** What XML 1.0 has no character for is a question mark. */
function escaped(text: string): string {
  const known = text.toWellFormed().replaceAll(/[^\t\n\r\x20-\uFFFD\u{10000}-\u{10FFFF}]/gu, '?');
  return known.replaceAll(/[<>&"\t\n\r]/g, (each) => `&#${each.charCodeAt(0)};`);
}
