import { isRefusal } from '../errors.ts';
import { canonicalPath } from '../ingress/path.ts';
import { z } from '../settings.ts';

const parameter = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/;

/** A list of path templates, `/repos/{owner}/{repo}`: one `{name}` stands for one whole segment. */
export const operations = z
  .array(z.string().superRefine((template, context) => report(context, templateProblem(template))))
  .superRefine((templates, context) => {
    const seen = new Map<string, string>();
    for (const [index, template] of templates.entries()) {
      if (templateProblem(template) !== undefined) continue;
      const shape = template.replaceAll(/\{[^}]*\}/g, '{}');
      const earlier = seen.get(shape);
      if (earlier !== undefined) report(context, `matches the same paths as "${earlier}"`, [index]);
      else seen.set(shape, template);
    }
  })
  .meta({
    description: 'path templates; policy, plan, report and audit use them as resource',
    examples: [['/repos/{owner}/{repo}/issues']],
  });

function templateProblem(template: string): string | undefined {
  if (!template.startsWith('/')) return 'a path template begins with /';
  if (/[?#]/.test(template)) return 'a path template has no query and no fragment';
  const segments = template.slice(1).split('/');
  if (segments.slice(0, -1).includes('')) return 'a path template has no empty segment';
  const names = new Set<string>();
  for (const segment of segments) {
    const name = parameter.exec(segment)?.[1];
    if (name !== undefined && names.has(name)) return `the parameter {${name}} stands twice`;
    if (name !== undefined) names.add(name);
    else if (/[{}]/.test(segment)) return `"${segment}": a parameter {name} is one whole segment`;
    else if (segment.includes('*')) return `"${segment}": a * is no wildcard here; one {name} stands for one whole segment`;
  }
  const path = canonicalPath(`/${segments.map((segment) => (parameter.test(segment) ? 'x' : segment)).join('/')}`);
  return isRefusal(path) || path.path !== template.replaceAll(/\{[^}]*\}/g, 'x')
    ? 'no call has such a path: write it in its plain, normalised form'
    : undefined;
}

function report(context: z.core.$RefinementCtx, message: string | undefined, path: (string | number)[] = []): void {
  if (message !== undefined) context.addIssue({ code: 'custom', path, message });
}
