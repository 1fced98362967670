/** Letters of other scripts that are drawn as a Latin one (of UTS #39 those that names of tools are likely to be faked with), by that letter. */
const lookalikes: Readonly<Record<string, string>> = {
  a: 'аαɑ',
  b: 'ьƅ',
  c: 'сϲ',
  d: 'ԁ',
  e: 'еҽ',
  g: 'ɡց',
  h: 'һհ',
  i: 'іιıɩ',
  j: 'јϳ',
  k: 'кκ',
  l: 'ӏǀ',
  m: 'м',
  n: 'пηո',
  o: 'оοօσ',
  p: 'рρ',
  q: 'ԛգ',
  r: 'гᴦ',
  s: 'ѕꜱ',
  t: 'тτ',
  u: 'υսц',
  v: 'ѵν',
  w: 'ԝѡա',
  x: 'хχ',
  y: 'уγү',
  z: 'ᴢ',
};
const latinOf: ReadonlyMap<string, string> = new Map(
  Object.entries(lookalikes).flatMap(([latin, others]) => Array.from(others, (other) => [other, latin] as const)),
);

/** Two names of the same looks cannot be told apart by a reader: but for case, width, what is not drawn, and letters that are drawn alike. */
export function looksOf(name: string): string {
  const plain = name
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toLowerCase();
  // Most names are.
  return /^[\x20-\x7e]*$/.test(plain) ? plain : Array.from(plain, (letter) => latinOf.get(letter) ?? letter).join('');
}
