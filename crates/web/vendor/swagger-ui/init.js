// Shows this server's own description. No outside validator: the documents work without internet.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  displayRequestDuration: true,
});
