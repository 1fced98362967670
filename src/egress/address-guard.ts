import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { ExeatError } from '../errors.ts';

/** Which addresses a peer may have. */
export interface AddressRules {
  /** Private, loopback and other non-public ranges may be dialled. Metadata and link-local addresses never. */
  readonly allowPrivate: boolean;
  /** Our own listeners: these ports on any address of this host are never a destination. */
  readonly ownPorts: ReadonlySet<number>;
  /** A credential travels in clear: to nothing but loopback. */
  readonly loopbackOnly?: boolean;
}

const never = blockList([
  '169.254.0.0/16',
  '168.63.129.16/32',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '0.0.0.0/8',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
  'fd00:ec2::/32',
  'fd20:ce::/32',
]);

/** IANA special-purpose registries (RFC 6890 and later), without what `never` has. */
const special = blockList([
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '64:ff9b:1::/48',
  '100::/64',
  '100:0:0:1::/64',
  '2001::/23',
  '2001:db8::/32',
  '2620:4f:8000::/48',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  '::1/128',
]);
const global6 = blockList(['2000::/3']);

const metadataNames = new Set([
  'metadata',
  'metadata.google.internal',
  'instance-data',
  'instance-data.ec2.internal',
  'metadata.azure.internal',
  'metadata.goog',
]);

/** Why this address must not be dialled; undefined = it may. Mapped, 6to4, NAT64 and Teredo-like spellings are judged by the address inside. */
export function addressProblem(address: string, rules: AddressRules): 'metadata' | 'private' | 'invalid' | undefined {
  const inner = unfolded(address);
  if (inner === undefined) return 'invalid';
  const family = inner.kind() === 'ipv4' ? 'ipv4' : 'ipv6';
  const text = inner.toString();
  if (never.check(text, family)) return 'metadata';
  if (rules.allowPrivate) return undefined;
  if (special.check(text, family)) return 'private';
  return family === 'ipv6' && !global6.check(text, family) ? 'private' : undefined;
}

/** Throws `address_prohibited` or `own_listener`. */
export function assertAddress(address: string, port: number, rules: AddressRules): void {
  const problem = addressProblem(address, rules);
  if (problem !== undefined) throw new ExeatError('address_prohibited', `the destination's address is ${problem}`);
  if (rules.loopbackOnly === true && !isLoopback(address))
    throw new ExeatError('address_prohibited', 'a credential must not leave in clear');
  if (rules.ownPorts.has(port) && isOwn(address)) throw new ExeatError('own_listener');
}

/** Names that only a metadata service answers to. */
export function assertName(host: string): void {
  if (metadataNames.has(host)) throw new ExeatError('address_prohibited', 'the destination is a metadata service');
}

/** For a name that another resolves: what an address would have told has to be told by the name. Throws `address_prohibited` or `own_listener`. */
export function assertUnresolved(host: string, port: number, ownPorts: ReadonlySet<number>): void {
  assertName(host);
  const here = host === 'localhost' || host.endsWith('.localhost') || `${host}.`.startsWith(`${hostname().toLowerCase()}.`);
  if (here && ownPorts.has(port)) throw new ExeatError('own_listener');
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0 || /(?:^|\.)localhost$/.test(host))
    throw new ExeatError('address_prohibited', 'only names are left to the upstream proxy to resolve');
}

function isLoopback(address: string): boolean {
  const inner = unfolded(address);
  return inner !== undefined && inner.range() === 'loopback';
}

/** An address of this host. Asked only for the ports of our own listeners. */
function isOwn(address: string): boolean {
  if (isLoopback(address)) return true;
  const text = unfolded(address)?.toString();
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return own.some(({ address: each }) => unfolded(each)?.toString() === text);
}

/** All addresses of a name. The operating system's way is node:dns's `lookup`. */
export type Resolve = (
  hostname: string,
  options: { readonly all: true; readonly order: 'verbatim' },
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

type Lookup = (
  hostname: string,
  options: { all?: boolean | undefined },
  callback: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
) => void;

/** A `lookup` for net.connect: resolves once, refuses unless every address passes, and hands the checked ones to the dial. */
export function guardedLookup(port: number, rules: AddressRules, resolve: Resolve = dnsLookup): Lookup {
  return (hostname, { all }, callback) => {
    resolve(hostname, { all: true, order: 'verbatim' }, (error, addresses) => {
      if (error !== null || addresses.length === 0)
        return callback(new ExeatError('dns_failed', `${hostname} could not be resolved`, { cause: error }), []);
      try {
        for (const { address } of addresses) assertAddress(address, port, rules);
        const [first] = addresses;
        return all === true || first === undefined ? callback(null, addresses) : callback(null, first.address, first.family);
      } catch (refused) {
        return callback(refused instanceof Error ? refused : new ExeatError('internal_error'), []);
      }
    });
  };
}

function unfolded(address: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (isIP(address) === 0 || address.includes('%')) return undefined;
  const parsed = ipaddr.parse(address);
  if (parsed.kind() === 'ipv4') return parsed;
  const bytes = parsed.toByteArray();
  const prefix = bytes.slice(0, 12).join(',');
  const isMapped = prefix === '0,0,0,0,0,0,0,0,0,0,255,255' || (prefix === '0,0,0,0,0,0,0,0,0,0,0,0' && (bytes[12] ?? 0) !== 0);
  const isNat64 = prefix === '0,100,255,155,0,0,0,0,0,0,0,0';
  if (isMapped || isNat64) return ipaddr.fromByteArray(bytes.slice(12));
  const is6to4 = bytes[0] === 0x20 && bytes[1] === 0x02;
  return is6to4 ? ipaddr.fromByteArray(bytes.slice(2, 6)) : parsed;
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/');
    list.addSubnet(network, Number(bits), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}
