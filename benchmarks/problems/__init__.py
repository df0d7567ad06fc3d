"""Problems that all sides of a comparison share, with their exact answers, in numpy."""
