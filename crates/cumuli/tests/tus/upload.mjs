// Uploads a file with tus-js-client: node upload.mjs ENDPOINT TOKEN FILE NAME PARALLEL
// Prints the address of the upload.
import fs from "node:fs";
import * as tus from "tus-js-client";

const [endpoint, token, path, name, parallel] = process.argv.slice(2);

const upload = new tus.Upload(fs.createReadStream(path), {
  endpoint,
  chunkSize: parallel === "1" ? Infinity : 5_000_000,
  parallelUploads: Number(parallel),
  retryDelays: Array(40).fill(250),
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: name, filetype: "video/mp4" },
  onError(error) {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess() {
    console.log(upload.url);
  },
});
upload.start();
