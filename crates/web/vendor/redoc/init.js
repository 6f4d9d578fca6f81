// Shows this server's own description, without fonts or anything else from elsewhere.
Redoc.init("/openapi.json", {
  disableGoogleFont: true,
  // The search runs in a worker from a blob: address, which the page's policy does not allow.
  disableSearch: true,
  hideDownloadButton: false,
  theme: { typography: { fontFamily: "system-ui, sans-serif", headings: { fontFamily: "system-ui, sans-serif" } } },
}, document.getElementById("docs"));
