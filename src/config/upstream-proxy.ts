import { secretReference, z } from '../settings.ts';
import { baseUrl, hostName, isLoopback } from './hosts.ts';

const url = z
  .string()
  // First, and without quoting it: a password may stand there.
  .refine((text) => !text.includes('@'), { error: 'user info is not allowed: give "credentials", the password by reference', abort: true })
  .refine((text) => /^https?:\/\//.test(text), { error: 'expected http://name:port or https://name:port', abort: true })
  .refine((text) => /:\d+\/?$/.test(text), { error: 'say the port too, as in http://proxy.corp.example:3128', abort: true })
  .pipe(baseUrl)
  .refine(({ path }) => path === '', 'a proxy has no path')
  .transform(({ scheme, name, port }) => ({ scheme, name, port }))
  .meta({ description: 'scheme://name:port; https: TLS to the proxy itself', examples: ['http://proxy.corp.example:3128'] });

const credentials = z.strictObject({
  username: z.string().regex(/^[^:\p{Cc}]+$/u, 'a user name has no colon and no control characters (RFC 7617)'),
  password: secretReference,
});

/** `upstream_proxy:`. What leaves for exact names goes through this proxy by CONNECT. Exeat's own HTTP_PROXY and NO_PROXY variables mean nothing. */
export const upstreamProxyConfig = z
  .strictObject({
    url,
    ca: z.string().min(1).optional().meta({ description: "PEM file of roots to trust for the proxy's own TLS, beside the public ones" }),
    credentials: credentials.optional().meta({ description: 'Basic; sent to the proxy alone' }),
    no_proxy: z.array(hostName).default([]).meta({ description: 'names that are dialled directly' }),
    allow_private: z.boolean().default(true).meta({ description: "the proxy's own address may be private; metadata services never" }),
    unsafe_cleartext: z.boolean().default(false).meta({ description: 'lets the password travel over http, beyond loopback' }),
  })
  .superRefine((proxy, context) => {
    const inClear = proxy.credentials !== undefined && proxy.url.scheme === 'http' && !isLoopback(proxy.url.name);
    const message = `the password would travel in clear to "${proxy.url.name}": use https, or "unsafe_cleartext: true"`;
    if (inClear && !proxy.unsafe_cleartext) context.addIssue({ code: 'custom', path: ['credentials'], message });
    if (proxy.ca !== undefined && proxy.url.scheme === 'http')
      context.addIssue({ code: 'custom', path: ['ca'], message: 'is of no use: the proxy is reached over http' });
  });

export type UpstreamProxyConfig = z.output<typeof upstreamProxyConfig>;
