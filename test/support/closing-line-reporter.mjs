/**
 * Prints `N passed, N failed, N skipped` as the last line of a run.
 * A suite that could not load counts as one failure. Written on process exit: jest prints its own summary
 * after `onRunComplete`.
 */
export default class ClosingLineReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const line = `${results.numPassedTests} passed, ${failed} failed, ${results.numPendingTests} skipped\n`;
    process.on('exit', () => process.stdout.write(line));
  }
}
