const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/**
 * A module that answers every input with one text, by the interface of OPA's WebAssembly (ABI 1.2). undefined: it traps. What `opa build` makes of
 * policies is for `npm run interop -- opa`.
 */
export function regoModule(rule: string, result: string | undefined): Buffer {
  const texts = ['{}\0', `${JSON.stringify({ [rule]: 0 })}\0`, `${result ?? ''}\0`];
  const at = (index: number): number => 1024 + texts.slice(0, index).join('').length;
  const trap = [0x00];
  const functions: readonly (readonly [name: string, parameters: number, body: number[]])[] = [
    ['opa_malloc', 1, give(8192)],
    ['opa_json_parse', 2, give(8192)],
    ['opa_json_dump', 1, [0x20, 0]],
    ['opa_heap_ptr_get', 0, give(16_384)],
    ['opa_heap_ptr_set', 1, give(0)],
    ['builtins', 0, give(at(0))],
    ['entrypoints', 0, give(at(1))],
    ['opa_eval', 7, result === undefined ? trap : give(at(2))],
  ];
  return Buffer.from([
    ...header,
    ...section(
      1,
      functions.map(([, parameters]) => [0x60, parameters, ...Array.from({ length: parameters }, () => 0x7f), 1, 0x7f]),
    ),
    ...section(2, [[...name('env'), ...name('memory'), 2, 0, 2]]),
    ...section(
      3,
      functions.map((_, index) => [index]),
    ),
    ...section(6, [version(1), version(2)]),
    ...section(7, [
      ...functions.map(([exported], index) => [...name(exported), 0, index]),
      [...name('opa_wasm_abi_version'), 3, 0],
      [...name('opa_wasm_abi_minor_version'), 3, 1],
    ]),
    ...section(
      10,
      functions.map(([, , body]) => sized([0, ...body, 0x0b])),
    ),
    ...section(11, [[0, ...give(1024), 0x0b, ...sized([...Buffer.from(texts.join(''))])]]),
  ]);
}

/** `i32.const`. */
function give(value: number): number[] {
  return [0x41, ...signed(value)];
}

function version(minor: number): number[] {
  return [0x7f, 0, ...give(minor), 0x0b];
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  return [id, ...sized([...unsigned(items.length), ...items.flat()])];
}

function name(text: string): number[] {
  return sized([...Buffer.from(text)]);
}

function sized(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
