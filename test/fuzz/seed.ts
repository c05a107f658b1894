// The seed of a fuzzing run: FUZZ_SEED, or another each time; printed, so that a run can be repeated.

/** A whole number of 31 bits. */
export function fuzzSeed(): number {
  const given = process.env["FUZZ_SEED"];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  process.stdout.write(`FUZZ_SEED=${seed}\n`);
  return seed;
}
