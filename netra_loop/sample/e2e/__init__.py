"""The end-to-end suites of the sample staging system; they know it by its addresses only."""
