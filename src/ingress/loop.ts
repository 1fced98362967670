/** The value of our own Via entry is in there: the call has passed this sidecar before. */
export function passedHereBefore(raw: readonly string[], via: string): boolean {
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.length === 3 && raw[i]?.toLowerCase() === 'via' && raw[i + 1]?.includes(via) === true) return true;
  }
  return false;
}
