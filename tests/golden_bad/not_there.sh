# Nothing of this name exists.
