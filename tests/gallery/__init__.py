"""The gallery: labelled test projects, what plain pytest says of them and what we say."""
