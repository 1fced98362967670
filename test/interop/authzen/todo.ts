// The "Todo" scenario of the AuthZEN working group's interoperability events, by AuthZEN 1.0: five users, five actions, todos that have an owner.
// Payloads and policy are written here after the published description; no file of the event is used.

interface Entity {
  readonly type: string;
  readonly id: string;
  readonly properties?: { readonly ownerID: string };
}

export interface TodoQuestion {
  readonly subject: Entity;
  readonly action: { readonly name: string };
  readonly resource: Entity;
}

const rick = 'rick@the-citadel.com';

/** What each may do, question by question as `questionsOf` asks them: `+` yes, `-` no. */
const answers: Readonly<Record<string, string>> = {
  [rick]: '++++++++',
  'morty@the-citadel.com': '++++-+-+',
  'summer@the-smiths.com': '++++-+-+',
  'beth@the-smiths.com': '+++-----',
  'jerry@the-smiths.com': '+++-----',
};

/** Each question with its answer. */
export const todo: readonly (readonly [question: TodoQuestion, decision: boolean])[] = Object.entries(answers).flatMap(([user, expected]) =>
  questionsOf(user).map((question, index) => [question, expected[index] === '+'] as const),
);

function todoOf(ownerID: string): Entity {
  return { type: 'todo', id: `todo of ${ownerID}`, properties: { ownerID } };
}

function questionsOf(id: string): readonly TodoQuestion[] {
  // The scenario asks rick about a todo of morty's where others are asked about their own.
  const own = id === rick ? 'morty@the-citadel.com' : id;
  const ask = (name: string, resource: Entity): TodoQuestion => ({ subject: { type: 'user', id }, action: { name }, resource });
  return [
    ask('can_read_user', { type: 'user', id: 'beth@the-smiths.com' }),
    ask('can_read_user', { type: 'user', id }),
    ask('can_read_todos', { type: 'todo', id: 'todo-1' }),
    ask('can_create_todo', { type: 'todo', id: 'todo-1' }),
    ask('can_update_todo', todoOf(rick)),
    ask('can_update_todo', todoOf(own)),
    ask('can_delete_todo', todoOf(rick)),
    ask('can_delete_todo', todoOf(own)),
  ];
}

/** A PDP for it: OPA, whose v0 API takes and gives documents as they are, so that a rule can speak AuthZEN. */
export const todoFiles = {
  'todo.rego': `package todo

evaluation := {"decision": allowed(input)}

evaluations := {"evaluations": [{"decision": allowed(asked)} | some asked in input.evaluations]}

default allowed(_) := false

allowed(asked) if {
	some role in data.roles[asked.subject.id]
	asked.action.name in data.may[role]
}

allowed(asked) if {
	some role in data.roles[asked.subject.id]
	asked.action.name in data.may_with_own[role]
	asked.resource.properties.ownerID == asked.subject.id
}
`,
  'data.json': JSON.stringify({
    roles: {
      [rick]: ['admin', 'evil_genius'],
      'morty@the-citadel.com': ['editor'],
      'summer@the-smiths.com': ['editor'],
      'beth@the-smiths.com': ['viewer'],
      'jerry@the-smiths.com': ['viewer'],
    },
    may: {
      viewer: ['can_read_user', 'can_read_todos'],
      editor: ['can_read_user', 'can_read_todos', 'can_create_todo'],
      admin: ['can_read_user', 'can_read_todos', 'can_create_todo', 'can_delete_todo'],
      evil_genius: ['can_update_todo'],
    },
    may_with_own: { editor: ['can_update_todo', 'can_delete_todo'] },
  }),
};
