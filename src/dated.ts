const dayMs = 86_400_000;
/** Longer than this, a dated exception is not one. */
const longMs = 400 * dayMs;

/** What to say of an exception that ends at that epoch: that it has, or how long it still runs. */
export function datedText(at: number, now: number, { past, running }: { readonly past: string; readonly running: string }): string {
  if (at <= now) return past;
  const days = Math.ceil((at - now) / dayMs);
  return at - now > longMs
    ? `${running}, for ${days} more days, which is long for an exception`
    : `${running}, for ${days} more day${days === 1 ? '' : 's'}`;
}
