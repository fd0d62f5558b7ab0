"""What Headrace says to others and hears from them: one typed record per public topic, each with its format's version.

Every record is one JSON object. Fields may be added within a format: readers pass over names that they do not know.
"""
