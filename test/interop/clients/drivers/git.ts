import type { Row } from '../client.ts';

/** Its own suite: git.test.ts. */
export const rows: readonly Row[] = [{ name: 'git', took: 'nothing', limits: ['shows of a refusal the status alone'] }];
