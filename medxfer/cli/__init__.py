"""The same verbs as the app, without a browser; one file a command group."""
