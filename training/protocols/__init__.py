"""Published benchmark protocols, followed to the letter: how the detectors fare on data that others have measured."""
