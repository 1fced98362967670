import type { Destination, Target } from '../destination.ts';
import type { Refusal } from '../errors.ts';
import type { JsonObject } from '../json-value.ts';
import type { Message, MessageSource, Telling } from './message.ts';

/**
 * The group of an action: what policy usually names. `connect` = tunnels that nobody reads, `mint` = calls that create standing access; in none of
 * the others. `websocket` = a handshake, which policy has in `write`, since what follows goes both ways and unread.
 */
export type ActionGroup = 'read' | 'write' | 'connect' | 'mint' | 'websocket' | MessageAction;

/**
 * What messages of MCP, model APIs and A2A do, by protocol, and the group that policy has it in, so that a guardrail over `write` holds for tools too:
 * whatever may change something, or sends on what the agent says, is in it. In plan, report and audit each stands by its own name.
 */
export const messageActionsOf = {
  mcp: {
    initialize: 'read',
    list_tools: 'read',
    call_tool: 'write',
    list_resources: 'read',
    read_resource: 'read',
    list_prompts: 'read',
    get_prompt: 'read',
    answer: 'write',
  },
  llm: { infer: 'write', list_models: 'read' },
  a2a: { send_message: 'write', get_task: 'read', cancel_task: 'write', set_push_notification: 'write', get_agent_card: 'read' },
} as const;
export type MessageAction = { [P in keyof typeof messageActionsOf]: keyof (typeof messageActionsOf)[P] }[keyof typeof messageActionsOf];
export const messageActions = new Map<string, 'read' | 'write'>(Object.values(messageActionsOf).flatMap((of) => Object.entries(of)));

/** Protocols whose messages policy is to see take a WebSocket only where they read those of a WebSocket too; on the others it would pass them by. */
export const takesWebSockets: Readonly<Record<Destination['protocol'], boolean>> = {
  http: true,
  grpc: false,
  tunnel: false,
  mcp: false,
  llm: false,
  a2a: false,
};

/** What one call does, written `destination group resource`: `github read /repos/{owner}/{repo}/issues`. */
export interface Operation {
  /** The HTTP method; `connect` for a tunnel, `call_method` for gRPC, what the message does where messages are read. */
  readonly action: string;
  /** The HTTP method, where the action is another. */
  readonly method?: string;
  readonly group: ActionGroup;
  /** The path template that matched, else the path itself; of a tunnel, `host:port`. */
  readonly resource: string;
  /** True when `resource` is a template of the destination. */
  readonly templated: boolean;
  /** The template's parameters, percent-decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What a call of gRPC calls. */
  readonly grpc?: { readonly service: string; readonly method: string } | undefined;
  /** What another agent is asked for. */
  readonly a2a?: A2aFacts;
  /** What a model is asked for. */
  readonly llm?: LlmFacts;
  /** What a message of MCP asks for. */
  readonly mcp?: McpFacts;
  /** Refused whatever policy says. */
  readonly barred?: Refusal;
  /** What the same message does besides: it goes only when all of it is permitted. */
  readonly also?: readonly Operation[];
  /** Where messages are read. */
  readonly message?: Message;
}

export interface LlmFacts {
  /** Whose shape the body has: `chat`, `responses`, `messages`, … */
  readonly api: string;
  readonly model: string;
  /** The answer comes event by event. */
  readonly streaming: boolean;
  /** Tools that the agent itself carries out, by name. */
  readonly tools: readonly string[];
  /** Tools that are carried out from the provider's network, by type. */
  readonly providerTools: readonly string[];
  /** Destinations that the provider will call or fetch from. */
  readonly servers: readonly string[];
  /** It goes on from what lies at the provider: an earlier answer, a conversation, a stored prompt. */
  readonly stored: boolean;
  /** The most that the model may write, where the request says it. */
  readonly maxTokens: number | undefined;
  /** How many answers it is to write, each of so many tokens. */
  readonly answers: number;
  /** Of the body's top level. */
  readonly members: readonly string[];
}

export interface A2aFacts {
  /** In the names of A2A 1.0: `SendMessage`. */
  readonly method: string;
  /** The answer comes event by event. */
  readonly streaming: boolean;
  /** Destinations that the other agent is to notify. */
  readonly notifies: readonly string[];
}

export interface McpFacts {
  /** As on the wire: `tools/call`. */
  readonly method: string;
  /** Of the tool or prompt, or a resource's URI. */
  readonly name: string | undefined;
  /** Of a tool, as sent; policy sees those that its pinned definition declares. */
  readonly arguments?: JsonObject | undefined;
  /** Of a tool: policy cannot see all of its arguments. */
  readonly opaque?: boolean;
}

export interface RequestHead {
  readonly method: string;
  readonly target: Target;
  /** The call asks for a WebSocket. */
  readonly websocket?: boolean;
  /** The call is gRPC over HTTP/2. */
  readonly grpc?: boolean | undefined;
}

/** Names the operation, reading as little of the body as it can. undefined = "not mine". */
export interface Classifier {
  classify(head: RequestHead, source?: MessageSource): Operation | Refusal | undefined | Promise<Operation | Refusal>;
  /** How a refusal is told to clients of the target's protocol where no message has been read yet; undefined: as for any HTTP call. */
  refusal?(target: Target, refusal: Refusal, callId: string): Telling | undefined;
}

/** The operation in one line, as plan, report and audit write it. */
export function operationName(target: Target, operation: Operation): string {
  return `${target.destination.name} ${operation.group} ${operation.resource}`;
}
