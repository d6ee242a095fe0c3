/** The package has no types of its own; this is what the tests use of it. */
declare module 'kaitai-struct-compiler' {
  const compiler: {
    /** `specification`: the parsed `.ksy`. Resolves to file name -> text. */
    readonly compile: (
      language: 'javascript',
      specification: unknown,
      importer: null,
      debug: boolean,
    ) => Promise<Readonly<Record<string, string>>>;
  };
  // oxlint-disable-next-line import/no-default-export -- what module.exports is to an ES module.
  export default compiler;
}
