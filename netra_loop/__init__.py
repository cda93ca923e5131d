"""Deploy to Cloud Run, test what serves, and keep a worklog that cannot lie."""

__version__ = "0.1.0"
