/** IntOrString and percentages. */
export * from './int-or-string.ts';
