/** An instant (epoch ms) as reports write it; null where there is no such date: never, in a number or as JSON keeps it, or beyond the calendar. */
export function isoOrNull(epochMs: number | null | undefined): string | null {
  const date = new Date(epochMs ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
