/** Style sheets are taken by the bundler; to the type checker they are modules without exports. */
declare module '*.css' {}
