/** One line per way a call can fail: the HTTP status and the Proxy-Status error token (RFC 9209 §2.3), and what the agent should do next. */
const table = {
  malformed_request: [400, 'http_request_error', 'The request could not be read one way only. Send one well-formed HTTP/1.1 request.'],
  ambiguous_path: [400, 'http_request_error', 'The path or query can be read in two ways. Send it in its plain, normalised form.'],
  credential_in_query: [
    400,
    'http_request_denied',
    'The query carries a credential. Leave it out: Exeat adds the credential for this destination.',
  ],
  destination_unknown: [403, 'http_request_denied', 'This destination is not configured. Ask the operator to add it under "destinations".'],
  route_unknown: [404, 'http_request_denied', 'No route has this name. Use a configured route, or send the request through the proxy.'],
  task_credential_missing: [
    407,
    'http_request_denied',
    'This call names no task. Use the proxy URL that was handed out when the task was opened.',
  ],
  task_credential_unknown: [407, 'http_request_denied', 'The task credential is not known here. Use the proxy URL of an open task.'],
  task_credential_refused: [403, 'http_request_denied', 'The task credential is missing, unknown or not accepted on this door.'],
  origin_refused: [
    403,
    'http_request_denied',
    'A web page of another origin asked for this. Without a task credential of its own that is refused: use the proxy URL of a task.',
  ],
  task_paused: [403, 'http_request_denied', 'The task is paused. Wait until it is resumed, then repeat the call.'],
  task_completed: [403, 'http_request_denied', 'The task is completed. Open a new task for further calls.'],
  task_expired: [403, 'http_request_denied', 'The task has expired. Open a new task for further calls.'],
  task_revoked: [403, 'http_request_denied', 'The task was revoked. Do not repeat the call; ask whoever opened the task.'],
  destination_outside_intent: [403, 'http_request_denied', "This destination is not part of the task's intent."],
  budget_spent: [
    429,
    'http_request_denied',
    "The task's budget is spent. Finish with what you have, or ask for a task with a larger budget.",
  ],
  policy_denied: [403, 'http_request_denied', 'Policy does not allow this operation in this task. Do not repeat it unchanged.'],
  approval_required: [403, 'http_request_denied', 'Policy lets this operation go only once someone has approved it.'],
  approval_denied: [403, 'http_request_denied', 'This operation was asked for, and the answer was no. Do not repeat it.'],
  message_unreadable: [
    400,
    'http_request_error',
    'The message could not be read one way only, or is none of the protocol of this destination.',
  ],
  protocol_refused: [
    403,
    'http_request_denied',
    'This destination takes the messages of its protocol only, at the paths of that protocol.',
  ],
  arguments_refused: [
    403,
    'http_request_denied',
    "The tool is called with an argument that its reviewed definition does not have, or has as another type. Leave it out, or ask the operator to review the tool's new definition.",
  ],
  tool_unknown: [403, 'http_request_denied', 'This tool is not among those that the operator has reviewed for this destination.'],
  policy_error: [403, 'http_request_denied', 'Policy could not be evaluated, so the call was refused. Tell the operator.'],
  identity_unavailable: [503, 'proxy_internal_error', 'The workload identity is not available or has expired. Try again later.'],
  credential_unavailable: [
    503,
    'proxy_internal_error',
    'No credential could be obtained for this destination. Try again after the time in Retry-After.',
  ],
  credential_expired: [
    403,
    'http_request_denied',
    'The credential configured for this destination has passed its date. Ask the operator to replace it.',
  ],
  credential_rejected: [
    502,
    'http_request_denied',
    'The destination rejected the credential that Exeat sent. Tell the operator; repeating will not help.',
  ],
  audit_unavailable: [503, 'proxy_internal_error', 'The audit log cannot be written, so no call is forwarded. Tell the operator.'],
  address_prohibited: [403, 'destination_ip_prohibited', 'The destination resolves to an address that must not be reached.'],
  dns_failed: [502, 'dns_error', "The destination's name could not be resolved. Try again later."],
  connect_failed: [502, 'connection_refused', 'No connection to the destination could be made. Try again later.'],
  connect_timeout: [504, 'connection_timeout', 'The destination did not accept a connection in time. Try again later.'],
  tls_failed: [502, 'tls_certificate_error', "The destination's TLS certificate could not be verified. Tell the operator."],
  tls_handshake_failed: [502, 'tls_protocol_error', 'No TLS connection to the destination could be made. Tell the operator.'],
  upstream_proxy_unreachable: [
    502,
    'destination_unavailable',
    'No connection to the upstream proxy, which leads to this destination, could be made. Try again later.',
  ],
  upstream_proxy_prohibited: [
    502,
    'destination_ip_prohibited',
    'The upstream proxy has an address that must not be reached. Tell the operator.',
  ],
  upstream_proxy_timeout: [
    504,
    'connection_timeout',
    'The upstream proxy, which leads to this destination, did not answer in time. Try again later.',
  ],
  upstream_proxy_tls_failed: [
    502,
    'tls_certificate_error',
    'No verified TLS connection to the upstream proxy could be made. Tell the operator.',
  ],
  upstream_proxy_authentication_failed: [
    502,
    'proxy_configuration_error',
    'The upstream proxy did not accept the credentials configured for it. Tell the operator; repeating will not help.',
  ],
  upstream_proxy_refused: [
    502,
    'destination_unavailable',
    'The upstream proxy did not open a connection to this destination. Tell the operator.',
  ],
  upstream_proxy_malformed: [
    502,
    'http_protocol_error',
    'The upstream proxy broke off or did not answer as an HTTP proxy does. Tell the operator.',
  ],
  upstream_timeout: [504, 'http_response_timeout', 'The destination did not answer in time. Try again later.'],
  deadline_exceeded: [504, 'http_response_timeout', 'The deadline that the call came with (grpc-timeout) has passed.'],
  http2_missing: [502, 'http_protocol_error', 'The destination does not speak HTTP/2, which gRPC needs. Tell the operator.'],
  grpc_only: [
    415,
    'http_request_denied',
    'This destination takes gRPC over HTTP/2 only: POST to /package.Service/Method, inside of a CONNECT.',
  ],
  upstream_stalled: [504, 'connection_read_timeout', 'The destination fell silent before its answer was complete. Try again later.'],
  upstream_broken: [502, 'connection_terminated', 'The destination broke the connection before its answer was complete.'],
  upstream_malformed: [502, 'http_protocol_error', 'The destination sent an answer that is not valid HTTP.'],
  upstream_coding_refused: [502, 'http_response_transfer_coding', 'The destination used a transfer coding other than chunked.'],
  coding_unreadable: [
    502,
    'http_response_content_coding',
    'The answer is in a content coding in which it cannot be searched for an echoed credential, or is broken in it. Repeat with Accept-Encoding: identity, without Range.',
  ],
  loop_detected: [502, 'proxy_loop_detected', 'The call has already passed this sidecar.'],
  own_listener: [403, 'destination_ip_prohibited', "Exeat's own listeners are never a destination."],
  method_refused: [405, 'http_request_denied', 'This method is not forwarded.'],
  upgrade_refused: [501, 'http_upgrade_failed', 'This protocol upgrade is not supported.'],
  misdirected: [
    421,
    'http_request_denied',
    'CONNECT, the TLS server name and Host must name the same host and port. Open a tunnel of its own for each host.',
  ],
  tls_expected: [400, 'http_request_error', 'This destination is https: TLS must be spoken in the tunnel. Use an https:// URL.'],
  tls_unexpected: [400, 'http_request_error', 'This destination is plain http: no TLS is spoken in the tunnel. Use an http:// URL.'],
  tls_unreadable: [400, 'tls_protocol_error', 'The tunnel does not begin with a TLS ClientHello that can be read one way only.'],
  tunnel_only: [403, 'http_request_denied', 'This destination takes tunnels only. Use CONNECT.'],
  tunnel_idle: [504, 'connection_read_timeout', 'The tunnel was silent for too long.'],
  client_tls_untrusted: [400, 'tls_alert_received', "The client does not trust Exeat's CA."],
  client_tls_failed: [400, 'tls_protocol_error', 'No TLS connection with the client could be made.'],
  transfer_coding_refused: [501, 'http_request_error', 'Only the chunked transfer coding is supported.'],
  expectation_failed: [417, 'http_request_error', 'Only Expect: 100-continue is supported.'],
  body_too_large: [413, 'http_request_error', "The request body is larger than this destination's limit."],
  headers_too_large: [431, 'http_request_error', 'The request headers are too large.'],
  request_timeout: [408, 'http_request_error', 'The request was not received in time.'],
  shutting_down: [503, 'proxy_internal_error', 'The sidecar is shutting down. Try again after the time in Retry-After.'],
  overloaded: [503, 'connection_limit_reached', 'Too many calls at once. Try again after the time in Retry-After.'],
  client_gone: [499, 'http_request_error', 'The client closed the connection before the answer was complete.'],
  forbidden: [403, 'http_request_denied', 'The bearer token is missing, unknown, or its role does not allow this call.'],
  not_found: [404, 'http_request_error', 'There is nothing here by that name.'],
  conflict: [409, 'http_request_error', 'The state of this task does not allow that.'],
  invalid_input: [400, 'http_request_error', 'The input is not valid.'],
  rate_limited: [429, 'http_request_denied', 'Too many requests. Try again after the time in Retry-After.'],
  intent_unknown: [400, 'http_request_error', 'There is no such intent. Use one from the catalogue.'],
  self_declared_refused: [403, 'http_request_denied', 'The agent may not open (more) tasks for itself now.'],
  internal_error: [500, 'proxy_internal_error', 'Something failed inside the sidecar. Tell the operator and give the call id.'],
} as const;

export type ErrorCode = keyof typeof table;

/** An expected "no": a value, never thrown by a stage that decides. `detail` is read by an LLM: our own words only, no text from outside. */
export interface Refusal {
  readonly refused: ErrorCode;
  readonly detail?: string;
  /** Whole seconds for Retry-After. */
  readonly retryAfterS?: number;
  /** With what status the next hop refused, where it was not the destination. */
  readonly receivedStatus?: number;
}

/** A failure. `message` is for operators and carries no secret; the reply is made from the refusal alone. */
export class ExeatError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal | ErrorCode, message?: string, options?: ErrorOptions) {
    const value = typeof refusal === 'string' ? { refused: refusal } : refusal;
    super(message ?? value.detail ?? table[value.refused][2], options);
    this.name = 'ExeatError';
    this.refusal = value;
  }

  get code(): ErrorCode {
    return this.refusal.refused;
  }
}

/** A refusal to be returned, with what differs from the table's own words. */
export function refuse(refused: ErrorCode, more?: Omit<Refusal, 'refused'>): Refusal {
  return { refused, ...more };
}

export function isRefusal(value: object): value is Refusal {
  return 'refused' in value;
}

/** The refusal behind any failure: its own, or `internal_error` for what was not foreseen. */
export function refusalOf(error: unknown): Refusal {
  return error instanceof ExeatError ? error.refusal : { refused: 'internal_error' };
}

export function statusOf(code: ErrorCode): number {
  return table[code][0];
}

export function detailOf(refusal: Refusal): string {
  return refusal.detail ?? table[refusal.refused][2];
}

/** Proxy-Status field value (RFC 9209 §2): our code is in it for those who see no body, as after HEAD and CONNECT. `receivedStatus` is the destination's status when there was one. */
export function proxyStatusOf(code: ErrorCode, receivedStatus?: number): string {
  const received = receivedStatus === undefined ? '' : `; received-status=${receivedStatus}`;
  return `exeat; error=${table[code][1]}${received}; details="${code}"`;
}
