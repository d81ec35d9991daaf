import { expect } from "vitest";
import { openFileJournalStore } from "../../edge/file-journal-store.ts";
import { memoryJournal } from "../../runtime/store/index.ts";
import { inFolder, inMemory } from "./folder-under-test.ts";
import { journalStoreContract } from "./journal-store.ts";

const report = (event: unknown): void => expect.fail(`nothing is damaged: ${JSON.stringify(event)}`);

journalStoreContract("memory", () => inMemory(memoryJournal()));
journalStoreContract("files", () => inFolder((folder) => openFileJournalStore(folder, { report })));
