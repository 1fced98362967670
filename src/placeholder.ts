/** What stands in the environment of a child of `exeat run` where an SDK will not start without a key. It is no secret, and no credential anywhere. */
export const placeholder = 'exeat-placeholder';

/** A client sent the placeholder: by itself, behind a scheme, or as either half of Basic. */
export function isPlaceholder(presented: string): boolean {
  const [, scheme = '', value] = /^(?:(\S+) +)?(\S+)$/.exec(presented) ?? [];
  if (value === undefined || scheme.toLowerCase() !== 'basic') return value === placeholder;
  return Buffer.from(value, 'base64').toString('utf8').split(':').includes(placeholder);
}
