import fc from 'fast-check';

/** One seed, so that a run says about a commit what every other run says. `EXEAT_TEST_SEED=$RANDOM npm test` looks elsewhere. */
fc.configureGlobal({ seed: Number(process.env['EXEAT_TEST_SEED'] ?? 20260701) });

export { fc };
