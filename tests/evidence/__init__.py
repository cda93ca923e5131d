"""The plugin in real suites, run by real pytest processes against real servers."""
