// Placeholder until the module has a source of its own.
