/** A starting point for one kind of destination: what `exeat init` writes into the config, and a policy for it. */
export interface Template {
  /** What the command line calls it; also the name of the policy file. */
  readonly name: string;
  /** One line for `exeat init --help`. */
  readonly summary: string;
  /** Entry of `intents`, indented by two. */
  readonly intent: string;
  /** Entry of `destinations`, indented by two. */
  readonly destination: string;
  /** Cedar policies for that intent and destination. */
  readonly policy: string;
  /** The destination takes tokens of the authority. */
  readonly needsAuthority: boolean;
}

/** The day, as the config writes it, on which a dated secret is to be looked at again. */
export function dayAfter(now: number, days: number): string {
  return new Date(now + days * 86_400_000).toISOString().slice(0, 10);
}
