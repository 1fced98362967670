import { join } from 'node:path';
import { nodePackages } from '../../support/node-packages.ts';
import { tool } from '../../support/tools.ts';
import { programFile } from '../client.ts';
import { ownCredential, type ServiceClient } from '../service-client.ts';
import { paths, policy, serveSite } from '../services/web-site.ts';

const trusted = '`certutil -A -t C,, -i ca.pem` into the NSS database';

const chromium: ServiceClient = {
  name: 'Chromium (headless)',
  took: `setting: ${trusted}`,
  // Of a proxy's URL in the environment it leaves out the password.
  tookByUrl: `setting: ${trusted}, and the task's credential by \`page.authenticate\` of Puppeteer`,
  limits: ['calls services of its maker on its own, which is refused'],
  policy,
  serve: serveSite,
  prepare: async () => {
    const browser = await tool('chromium');
    const certutil = await tool('certutil', 'libnss3-tools');
    const folder = await nodePackages(['puppeteer-core@25.16.0'], programFile('node'));
    return (deed, origin) => ({
      program: process.execPath,
      argv: [join(folder, 'chromium.mjs'), browser, certutil, `${origin}${paths[deed]}`, ownCredential],
    });
  },
};

export const serviceClients = [chromium];
