/** Only its owner may look inside; LevelDB makes its files readable to all, and so they are out of reach. */
export const directoryMode = 0o700;
