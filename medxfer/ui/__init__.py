"""The only code that imports streamlit."""
