// Where files are put in a folder that no path of one's own leads to: somebody else's.

/**
 * A folder as `uploads.add` takes it. The folders that come along are made once each; `source` asks the
 * server: `createFolder(parentId, name)`, `children(id, query)`, `uploadUrl(folderId, name, onConflict)`.
 */
export function placeOf(folder, source) {
  const made = new Map();
  const folderAt = (path) => {
    if (path === "") return Promise.resolve(folder.id);
    const cut = path.lastIndexOf("/");
    const above = path.slice(0, Math.max(0, cut));
    if (!made.has(path)) made.set(path, folderAt(above).then((parent) => folderIn(source, parent, path.slice(cut + 1))));
    return made.get(path);
  };
  return { id: folder.id, path: "", folderAt, address: async (path, name, onConflict) => source.uploadUrl(await folderAt(path), name, onConflict) };
}

async function folderIn(source, parentId, name) {
  try {
    return (await source.createFolder(parentId, name)).id;
  } catch (error) {
    if (error.status !== 409) throw error;
  }
  // It is there already: find it among the folders.
  let cursor = null;
  do {
    const page = await source.children(parentId, { kind: "folder", limit: 1000, cursor });
    const found = page.items.find((item) => item.name === name.normalize("NFC"));
    if (found) return found.id;
    cursor = page.next_cursor;
  } while (cursor);
  throw new Error(`“${name}” is a file.`);
}
